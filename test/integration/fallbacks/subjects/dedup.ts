import { DedupClient } from "../../../../fallbacks/dedup/dedup-client.ts";
import type { Subject } from "../subject.ts";

const key = "{dedup}";

export const dedupSubject: Subject = {
  role: "dedup",
  topologies: ["standalone", "sentinel"],
  writes: true,
  keyOf: () => key,
  async open({ connection, guard }) {
    if (connection.topology === "cluster") throw new RangeError("a filter lives on one server");
    const filter = { engine: "bitmap", key, capacity: 100_000, error_rate: 0.000001 } as const;
    const client = new DedupClient({ ...connection, filter }, guard);
    let ids = 0;
    return {
      ready: (milliseconds) => client.ready(milliseconds),
      async decide() {
        ids += 1;
        return (await client.checkAndAdd(`id-${ids}`)) === "unknown" ? "degraded" : "normal";
      },
      close: async () => client.close(),
    };
  },
};
