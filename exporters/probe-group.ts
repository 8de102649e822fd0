import type { RedisRole } from "../catalog/roles.ts";
import type { RolesConfig } from "../core/config/redis-section.ts";
import { countdown, type Probe, type ProbeName, type ProbeResult, ProbeRun, Trace } from "./probe.ts";
import { type KnownNodes, RoleConnections } from "./redis/role-connections.ts";

/**
 * A probe is to be done in this share of its time. The rest is for its verdict: a server that hangs shall be reported as
 * hung rather than as a probe that was cut off.
 */
const verdictShare = 0.9;

/** Probes of one target. They run at the same time, on shared connections, and never twice at once. */
export class ProbeGroup {
  readonly name: string;
  readonly probes: readonly Probe[];
  readonly #roles: RolesConfig;
  readonly #known: KnownNodes;
  readonly #timeout: number;
  readonly #running = new Map<string, readonly ProbeRun[]>();

  /** `timeout` is the longest time for one probe, in milliseconds. */
  constructor(
    name: string,
    probes: readonly Probe[],
    roles: RolesConfig,
    known: KnownNodes,
    timeout: number,
  ) {
    this.name = name;
    this.probes = probes;
    this.#roles = roles;
    this.#known = known;
    this.#timeout = timeout;
  }

  /**
   * Runs the group's probes, or those of one kind, and answers after at most so many milliseconds. One that asks while
   * they run waits for the same run: a server that is slow shall not be asked the more the slower it is.
   */
  async run(deadline: number, module?: ProbeName): Promise<ProbeResult[]> {
    const key = module ?? "";
    const runs = this.#running.get(key) ?? this.#start(key, module);
    const milliseconds = Math.min(deadline, this.#timeout);
    return Promise.all(runs.map((run) => run.result(milliseconds)));
  }

  #start(key: string, module: ProbeName | undefined): readonly ProbeRun[] {
    const left = countdown(this.#timeout * verdictShare);
    const trace = new Trace();
    const connections = new Map<RedisRole, RoleConnections>();
    const redis = (role: RedisRole) => {
      const known = connections.get(role);
      if (known !== undefined) return known;
      const config = this.#roles[role];
      if (config === undefined) throw new Error(`redisops.yaml has no role ${role}`);
      const opened = new RoleConnections(role, config, { left, trace: trace.add }, this.#known);
      connections.set(role, opened);
      return opened;
    };
    const runs = this.probes
      .filter(({ name }) => module === undefined || name === module)
      .map((probe) => new ProbeRun(probe, { left, redis }, trace));
    this.#running.set(key, runs);
    void Promise.all(runs.map((run) => run.ended(this.#timeout))).then(() => {
      this.#running.delete(key);
      for (const connection of connections.values()) connection.close();
    });
    return runs;
  }
}
