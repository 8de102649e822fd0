import { randomBytes } from "node:crypto";

/** A new run's id, such as `bloom-20260131T235959Z-1f2e3d`: those of one name sort by time. */
export function newRunId(name: string): string {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  return `${name}-${time}-${randomBytes(3).toString("hex")}`;
}
