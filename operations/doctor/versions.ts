/** The numbers of a version: `7.0.15`, `valkey-8.1.0` and `v0.27.0` have three. */
const numbersOf = (version: string) => (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? "").split(".").map(Number);

/** Whether a version is older than another one. One that is not known is not. */
export function isOlder(version: string, than: string): boolean {
  const [own, other] = [numbersOf(version), numbersOf(than)];
  if (!/\d/.test(version)) return false;
  for (let index = 0; index < other.length; index++) {
    const difference = (own[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
