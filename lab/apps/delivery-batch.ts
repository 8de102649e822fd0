import { z } from "zod";

/** Messages for the clients of a connection server, as docs/recover-pending.md describes the request. */
export const batch = z.object({
  version: z.literal(1),
  messages: z.array(z.object({ message_id: z.string(), user_id: z.string() })),
});

/**
 * Hands the messages over one after the other, and none to a user whose message before it was not taken: a recipient's
 * messages keep their order. Answers what became of each.
 */
export function takeBatch(
  { messages }: z.output<typeof batch>,
  receive: (messageId: string, userId: string) => "acknowledged" | "offline" | "unknown message",
) {
  const stopped = new Set<string>();
  const results = messages.map(({ message_id, user_id }) => {
    if (stopped.has(user_id)) return "skipped";
    const outcome = receive(message_id, user_id);
    if (outcome !== "acknowledged") stopped.add(user_id);
    return outcome === "unknown message" ? { refused: outcome } : outcome;
  });
  return { results };
}
