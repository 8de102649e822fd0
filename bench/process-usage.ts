import { readFile } from "node:fs/promises";

/** What /proc/<pid>/stat counts processor time in: USER_HZ, 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** Processor seconds of a process since its start, user and system. Linux only. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The program's name in parentheses may have blanks of its own; field 3 comes after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process in megabytes of 1,000,000 bytes. Linux only. */
export async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6;
}

/** What the command line loads for recoveries, which bounds their heap: to be imported by a process that stands for one. */
export const boundedHeap = new URL("../bin/bounded-heap.js", import.meta.url).href;
