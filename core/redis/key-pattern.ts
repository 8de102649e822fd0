/** Makes the keys of a pattern such as `rate:{user_id}` from what takes the placeholder's place, taken literally. */
export function keysOf(pattern: string, placeholder: string): (value: string) => string {
  const parts = pattern.split(placeholder);
  return (value) => parts.join(value);
}
