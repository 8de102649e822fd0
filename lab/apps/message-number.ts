/** The id of the load generator's message number `n`. */
export function messageIdOf(number: number): string {
  return `m-${number}`;
}

/** The number in a message's id; undefined for a message that is none of the load generator's. */
export function messageNumber(messageId: string): number | undefined {
  const digits = /^m-(\d{1,9})$/.exec(messageId)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
