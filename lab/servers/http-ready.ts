/** Whether a GET of `url` answers 200 within a second. Connection errors are thrown, for the message of who waits. */
export async function answersOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
  await response.body?.cancel();
  return response.status === 200;
}
