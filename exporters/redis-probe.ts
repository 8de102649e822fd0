import { performance } from "node:perf_hooks";
import type { RedisRole } from "../catalog/roles.ts";
import type { RedisConnectionConfig } from "../core/config/redis-section.ts";
import { withDeadline } from "../core/deadline.ts";
import { RedisopsError } from "../core/errors.ts";
import { connectRedis, describeTarget } from "../core/redis/connect.ts";
import { redisError, redisErrorClass } from "../core/redis/redis-error.ts";
import { sample } from "../core/samples.ts";
import type { Probe } from "./probe.ts";
import { availabilitySamples } from "./role-availability.ts";

/** Key that is only ever looked up. Reading a key, unlike PING, also fails where a cluster does not serve its slot. */
const probeKey = "redisops:probe";
/** The verdict is reached a little before the probe's deadline, so that a hung server is reported as hung. */
const verdictShare = 0.9;

/** Whether a role's Redis answers a real command, how fast, and if not, in which way it fails. */
export function redisProbe(role: RedisRole, config: RedisConnectionConfig): Probe {
  const address = describeTarget(role, config);
  return {
    name: "redis",
    role,
    target: role,
    address,
    async run(emit, deadline) {
      const started = performance.now();
      const left = () => deadline * verdictShare - (performance.now() - started);
      try {
        const connection = await connectRedis(role, config, { connect: left(), command: deadline });
        try {
          const asked = performance.now();
          await withDeadline(
            connection.client.exists(probeKey),
            left(),
            () =>
              new RedisopsError("REDIS_TIMEOUT", `${address} did not answer before the deadline`, {
                target: address,
              }),
          );
          emit(sample("redisops_role_response_seconds", { role }, (performance.now() - asked) / 1000));
        } finally {
          connection.close();
        }
        for (const observed of availabilitySamples(role, undefined)) emit(observed);
      } catch (error) {
        for (const observed of availabilitySamples(role, redisErrorClass(error))) emit(observed);
        throw redisError(error, address);
      }
    },
  };
}
