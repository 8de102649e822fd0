import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { modes } from "../../catalog/modes.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { renderSite } from "../../runbooks/site.ts";
import { readVerified } from "../../runbooks/verified.ts";
import { print, printJson } from "../output.ts";
import { packageFile } from "../package-file.ts";
import { type RunbookOptions, validConfig } from "./options.ts";

/** `redisops runbook build`: the pages as a folder of HTML files, with the platform's own thresholds. */
export async function build(options: RunbookOptions & { readonly out: string }): Promise<number> {
  const config = await validConfig(options);
  const files = renderSite(modes, {
    platform: config?.platform,
    thresholds: config?.thresholds ?? {},
    verified: readVerified(),
    errorsPage: await readFile(packageFile("docs/errors.md"), "utf8"),
  });
  try {
    await mkdir(options.out, { recursive: true });
    for (const { name, text } of files) await writeFile(join(options.out, name), text);
  } catch (error) {
    throw new RedisopsError("USAGE", `Cannot write to the folder "${options.out}": ${messageOf(error)}`, {
      next: "Name a folder that can be written to with --out.",
      cause: error,
    });
  }
  const index = join(options.out, "index.html");
  if (options.json) printJson({ files: files.map(({ name }) => join(options.out, name)) });
  else print(`${files.length} pages; begin with ${index}`);
  return exitCodes.done;
}
