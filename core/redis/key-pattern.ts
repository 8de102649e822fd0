/** Makes the keys of a pattern such as `rate:{user_id}` from what takes the placeholder's place, taken literally. */
export function keysOf(pattern: string, placeholder: string): (value: string) => string {
  const parts = pattern.split(placeholder);
  const [before, after] = parts;
  if (parts.length === 2) return (value) => `${before}${value}${after}`;
  return (value) => parts.join(value);
}

/** Whether a key is of a pattern: something, not nothing, in the placeholder's place. */
export function keyMatcher(pattern: string, placeholder: string): (key: string) => boolean {
  const parts = pattern.split(placeholder).map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  const expression = new RegExp(`^${parts.join(".+")}$`, "s");
  return (key) => expression.test(key);
}

/**
 * Reads from a key of a pattern what takes the placeholder's place; undefined for a key of another pattern. Where the
 * pattern names the placeholder several times, the same has to be in all places.
 */
export function valuesOf(pattern: string, placeholder: string): (key: string) => string | undefined {
  const [first = "", ...rest] = pattern
    .split(placeholder)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  const expression = new RegExp(`^${first}(.+)${rest.join("\\1")}$`, "s");
  return (key) => expression.exec(key)?.[1];
}
