import { describe, expect, it } from "vitest";
import { postgresSection } from "../../../../core/config/postgres-section.ts";
import { deliverInTime } from "../../../../core/pending-deliveries/message.ts";
import {
  defaultPendingDeliveries,
  pendingDeliveriesDdl,
  pendingStatements,
} from "../../../../core/pending-deliveries/table.ts";

const message = { messageId: "m", userId: "u", conversationId: "c", body: "b" };

describe("the table of waiting messages", () => {
  it("has the configuration's default names", () => {
    const { tables } = postgresSection.parse({
      address: "localhost:5432",
      database: "d",
      user: "u",
      tables: { pending_deliveries: {} },
    });
    expect(tables.pending_deliveries).toEqual(defaultPendingDeliveries);
  });

  it("takes its names from the configuration, quoted", () => {
    const config = { table: "chat.Waiting", user_column: "recipient", created_at_column: "at" };
    expect(pendingDeliveriesDdl(config)).toContain(
      '"Waiting_by_user" ON "chat"."Waiting" ("recipient", position)',
    );
    expect(pendingStatements(config).waits).toContain('"chat"."Waiting" WHERE "recipient" = $1');
  });
});

describe("a hand-over", () => {
  it("counts only when it is acknowledged", async () => {
    expect(await deliverInTime(async () => true, "s", message, 60_000)).toBe(true);
    expect(await deliverInTime(async () => false, "s", message, 60_000)).toBe(false);
    expect(await deliverInTime(() => Promise.reject(new Error("lost")), "s", message, 60_000)).toBe(false);
    const throws = () => {
      throw new Error("at once");
    };
    expect(await deliverInTime(throws, "s", message, 60_000)).toBe(false);
  });

  it("ends at its deadline, and tells the one that delivers", async () => {
    let signal: AbortSignal | undefined;
    const never = (_server: string, _message: unknown, given: AbortSignal) => {
      signal = given;
      return new Promise<boolean>(() => undefined);
    };
    expect(await deliverInTime(never, "s", message, 5)).toBe(false);
    expect(signal?.aborted).toBe(true);
  });
});
