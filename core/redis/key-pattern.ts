/** Makes the keys of a pattern such as `rate:{user_id}` from what takes the placeholder's place, taken literally. */
export function keysOf(pattern: string, placeholder: string): (value: string) => string {
  const parts = pattern.split(placeholder);
  return (value) => parts.join(value);
}

/** Whether a key is of a pattern: something, not nothing, in the placeholder's place. */
export function keyMatcher(pattern: string, placeholder: string): (key: string) => boolean {
  const parts = pattern.split(placeholder).map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  const expression = new RegExp(`^${parts.join(".+")}$`, "s");
  return (key) => expression.test(key);
}
