import { performance } from "node:perf_hooks";
import type { RedisRole } from "../catalog/roles.ts";
import type { RedisConnectionConfig } from "../core/config/redis-section.ts";
import { withDeadline } from "../core/deadline.ts";
import { RedisopsError } from "../core/errors.ts";
import { commandError, connectRedis, describeTarget } from "../core/redis/connect.ts";
import { redisErrorClass } from "../core/redis/redis-error.ts";
import { sample } from "../core/samples.ts";
import type { Probe } from "./probe.ts";
import { availabilitySamples, serverUntried } from "./role-availability.ts";

/**
 * Key of redisops’ own, written and left to expire. A write, unlike PING or a read, also fails on a replica, at the
 * memory limit, where nothing can be saved, and where a cluster does not serve the slot.
 */
const probeKey = "redisops:probe";
/** Lifetime of the key in milliseconds. */
const probeKeyLifetime = 60_000;

/** Whether a role's Redis accepts a write, how fast, and if not, in which way it fails. */
export function redisProbe(role: RedisRole, config: RedisConnectionConfig): Probe {
  return {
    name: "redis",
    role,
    target: role,
    address: describeTarget(role, config),
    async run(emit, left) {
      try {
        const connection = await connectRedis(role, config, { connect: left(), command: left() });
        const { client, target } = connection;
        try {
          const asked = performance.now();
          await withDeadline(
            client.set(probeKey, "1", "PX", probeKeyLifetime),
            left(),
            () =>
              new RedisopsError("REDIS_TIMEOUT", `${target} did not answer before the deadline`, { target }),
          );
          emit(sample("redisops_role_response_seconds", { role }, (performance.now() - asked) / 1000));
        } catch (error) {
          throw commandError(error, connection);
        } finally {
          connection.close();
        }
        for (const observed of availabilitySamples(role, undefined)) emit(observed);
      } catch (error) {
        if (!serverUntried(error)) {
          for (const observed of availabilitySamples(role, redisErrorClass(error))) emit(observed);
        }
        throw error;
      }
    },
  };
}
