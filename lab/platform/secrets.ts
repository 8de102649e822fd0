import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Workspace } from "../workspace.ts";
import { type PlatformSecret, platformSecrets } from "./platform-config.ts";

/** Writes each secret into a file of its own for its owner alone. What is not given is random. */
export async function writeSecrets(
  workspace: Workspace,
  given: Partial<Record<PlatformSecret, string>>,
): Promise<Record<PlatformSecret, string>> {
  const folder = await workspace.folder("secrets");
  const entries = await Promise.all(
    platformSecrets.map(async (name) => {
      const path = join(folder, name);
      await writeFile(path, given[name] ?? randomBytes(24).toString("base64url"), { mode: 0o600 });
      return [name, path] as const;
    }),
  );
  return Object.fromEntries(entries) as Record<PlatformSecret, string>;
}
