import { messageOf } from "../../core/errors.ts";
import { type AppSettings, urlOf } from "./settings.ts";

/** Asks one of the lab's own processes to do something. Its answers are the lab's own, so their shape is known. */
export async function askApp<T>(app: AppSettings | undefined, path: string, body: object): Promise<T> {
  if (app === undefined) throw new Error(`the platform has nothing that answers ${path}`);
  try {
    const response = await fetch(`${urlOf(app)}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    if (response.status === 200) return (await response.json()) as T;
    throw new Error(`it answers ${response.status}`);
  } catch (error) {
    throw new Error(`${app.name} did not do what it was asked to: ${messageOf(error)}`, { cause: error });
  }
}
