import type { Socket } from "node:net";
import type { Redis } from "ioredis";

/** Commands that leave in one write. More would leave the server idle until all of them are made. */
const groupSize = 4;

/**
 * Lets commands of one turn of the event loop leave together: the first one at once, so that the server has something to
 * do, the others in groups. ioredis makes a system call for each command, which is two thirds of a busy client's time.
 * Measured on 2 cores with 32 calls under way: 6.6 us of CPU time a call without this, 4.2 us with it; ioredis's own
 * autopipelining halves the throughput at 8 calls under way.
 */
export function groupWrites(client: Redis): void {
  client.on("connect", () => {
    const stream = client.stream as Socket;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    let inTurn = false;
    let grouped = 0;
    const leave = () => {
      if (grouped > 0) stream.uncork();
      grouped = 0;
    };
    const endTurn = () => {
      inTurn = false;
      leave();
    };
    const groupedWrite = (...args: unknown[]): boolean => {
      if (!inTurn) {
        inTurn = true;
        // Runs when all that became ready in this turn has been worked off, and before anything is waited for.
        process.nextTick(endTurn);
        return write(...args);
      }
      if (grouped === 0) stream.cork();
      grouped += 1;
      const drained = write(...args);
      if (grouped === groupSize) leave();
      return drained;
    };
    stream.write = groupedWrite as typeof stream.write;
  });
}
