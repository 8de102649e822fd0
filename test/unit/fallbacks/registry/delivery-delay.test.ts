import { expect, it } from "vitest";
import { deliveryDelay } from "../../../../core/pending-deliveries/delay.ts";

const now = 1_700_000_000_000;

it.each([
  ["waited while its recipient was connected", 90_000, now - 3_600_000, 90_000],
  ["waited for its recipient to connect", 86_400_000, now - 400, 400],
  ["was handed over at once", 3, now - 3_600_000, 3],
  ["is for a connection whose server's clock is ahead", 5_000, now + 2_000, 0],
])("the delay of a message that %s", (_, waitedMs, connectedAtMs, delayMs) => {
  expect(deliveryDelay(waitedMs, connectedAtMs, now)).toBe(delayMs);
});
