import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The package's folder: that of the sources, or one above the compiled files. */
const root = [new URL("../", import.meta.url), new URL("../../", import.meta.url)].find((folder) =>
  existsSync(new URL("package.json", folder)),
);

/** The path of a file that is in the checkout and in the published package alike. */
export function packageFile(name: string): string {
  return fileURLToPath(new URL(name, root ?? import.meta.url));
}
