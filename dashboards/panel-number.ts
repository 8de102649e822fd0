const numbers = 100_000;

/**
 * The number under which Grafana knows a panel (`viewPanel=panel-<number>`). It comes from the id alone, so that a link
 * to a panel survives panels being added, removed and moved. The build refuses two ids with the same number.
 */
export function panelNumber(id: string): number {
  // FNV-1a with 32 bits.
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return 1 + (hash % (numbers - 1));
}
