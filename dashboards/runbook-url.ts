/** Address of a mode's runbook page. */
export function runbookUrl(baseUrl: string, modeId: string): string {
  return `${baseUrl.replace(/\/+$/, "")}/${modeId}.md`;
}
