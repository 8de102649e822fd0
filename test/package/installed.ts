import { execFile } from "node:child_process";
import { realpathSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findProgram } from "../../lab/binaries.ts";
import type { Workspace } from "../../lab/workspace.ts";

const execute = promisify(execFile);

/** The checkout. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The oldest line of Node that package.json allows, by its version on npm. */
const oldestNode = "22.23.3";

/** The package as `npm pack` makes it. */
export interface Tarball {
  readonly path: string;
  /** Bytes of the tarball, and of what is in it. */
  readonly size: number;
  readonly unpackedSize: number;
  /** Paths in the package. */
  readonly files: readonly string[];
}

/** Nothing of the checkout is found by what runs in the empty folder: its programs are not on the path. */
const environment = (own: string) => ({
  ...process.env,
  PATH: [
    own,
    ...(process.env.PATH ?? "").split(":").filter((folder) => !folder.includes("node_modules")),
  ].join(":"),
  NODE_PATH: "",
  npm_config_audit: "false",
  npm_config_fund: "false",
  npm_config_prefer_offline: "true",
  npm_config_update_notifier: "false",
});

/** Builds the package and packs it into the folder. */
export async function pack(folder: string): Promise<Tarball> {
  const { stdout } = await execute("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: root,
    maxBuffer: 10_000_000,
  });
  // npm prints what the build prints before its own document, and that is a list or, in newer versions, an object.
  const document: unknown = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
  const [packed] = Object.values(document as object) as {
    filename: string;
    size: number;
    unpackedSize: number;
    files: { path: string }[];
  }[];
  if (packed === undefined) throw new Error(`npm pack says ${stdout}`);
  const { filename, size, unpackedSize, files } = packed;
  return { path: join(folder, filename), size, unpackedSize, files: files.map(({ path }) => path) };
}

/** npm's own program, which any version of Node can run; what is on the path links to it. */
const npmProgram = () => realpathSync(findProgram("npm"));

/** Installs the oldest Node that is supported into a folder of its own; resolves with its program. */
export async function installOldestNode(workspace: Workspace): Promise<string> {
  const folder = await workspace.folder("oldest-node");
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({ private: true, allowScripts: { node: true } }),
  );
  await execute("npm", ["install", `node@${oldestNode}`], {
    cwd: folder,
    env: environment(dirname(process.execPath)),
  });
  return join(folder, "node_modules/node/bin/node");
}

/**
 * Installs the tarball into an empty folder, with npm run by the given Node: what does not support that Node is refused.
 * Resolves with the folder.
 */
export async function install(
  workspace: Workspace,
  name: string,
  tarball: Tarball,
  node: string,
): Promise<string> {
  const folder = await workspace.folder(name);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true }));
  const words = ["install", "--engine-strict", "--ignore-scripts", tarball.path];
  await execute(node, [npmProgram(), ...words], { cwd: folder, env: environment(dirname(node)) });
  return folder;
}

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Node in a folder, with nothing of the checkout on its path. */
export async function runNode(
  node: string,
  cwd: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  try {
    const { stdout, stderr } = await execute(node, [...words], {
      cwd,
      env: { PATH: dirname(node), HOME: cwd, ...env },
      maxBuffer: 10_000_000,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { code, stdout, stderr };
  }
}

/** Gives a folder the compiler and the types of Node, as a project of TypeScript has them. */
export async function addTypeScript(folder: string): Promise<string> {
  const types = join(folder, "node_modules/@types");
  await mkdir(types, { recursive: true });
  await symlink(join(root, "node_modules/@types/node"), join(types, "node")).catch(
    (error: NodeJS.ErrnoException) => {
      // A dependency brought them already.
      if (error.code !== "EEXIST") throw error;
    },
  );
  return createRequire(import.meta.url).resolve("typescript/lib/tsc.js");
}
