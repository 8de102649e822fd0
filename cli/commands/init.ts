import type { Argv, CommandModule } from "yargs";
import { defaultConfigPath } from "../../core/config/default-path.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import type { InitOptions } from "../init-request.ts";
import { note, print, printJson } from "../output.ts";

const texts = {
  platform: "Short name of the platform, which alerts carry",
  "redis-username": "ACL user of all of them",
  postgres: "Postgres itself, host:port",
  "postgres-database": "Its database",
  "postgres-user": "Its user",
  "postgres-password": "Reference to the password",
  pgbouncer: "PgBouncer, host:port; leads to Postgres where that is not named",
  "pgbouncer-user": "One of its stats_users; as for Postgres unless given",
  "pgbouncer-password": "Reference to the password; as for Postgres unless given",
  "kafka-username": "User for SASL",
  "kafka-password": "Reference to the password",
  prometheus: "http://host:port; leads to Alertmanager",
  alertmanager: "http://host:port",
  grafana: "http://host:port",
  "grafana-token": "Reference to a token of a service account",
  "ca-file": "PEM file of the authority that --tls trusts; the system's unless given",
} as const;

const lists = {
  redis: "Redis servers, cluster nodes and Sentinels, host:port; one of each group is enough",
  "redis-password": "References to passwords, ${NAME} or file:/path; each server takes the first that fits",
  role: "Where a role lives, as registry=host:port, for one that its keys do not tell",
  kafka: "Kafka brokers, host:port",
} as const;

/** `REDISOPS_INIT_POSTGRES_USER` stands for `--postgres-user`. */
const fromEnvironment = (name: string) =>
  process.env[`REDISOPS_INIT_${name.toUpperCase().replaceAll("-", "_")}`];

function options(yargs: Argv): Argv<InitOptions> {
  yargs.option("out", {
    type: "string",
    default: process.env.REDISOPS_CONFIG || defaultConfigPath,
    defaultDescription: `$REDISOPS_CONFIG or ${defaultConfigPath}`,
    requiresArg: true,
    describe: "File to write; - for stdout",
  });
  for (const [name, describe] of Object.entries(lists)) {
    const given = fromEnvironment(name);
    yargs.option(name, {
      type: "string",
      array: true,
      describe,
      requiresArg: true,
      default: given === undefined ? [] : [given],
      defaultDescription: "none",
    });
  }
  for (const [name, describe] of Object.entries(texts)) {
    const given = fromEnvironment(name);
    yargs.option(name, {
      type: "string",
      describe,
      requiresArg: true,
      ...(given !== undefined && { default: given, defaultDescription: "from the environment" }),
    });
  }
  return yargs
    .option("tls", {
      array: true,
      choices: ["redis", "postgres", "kafka"],
      default: [],
      defaultDescription: "none",
      describe: "What is reached over TLS",
    })
    .option("non-interactive", {
      type: "boolean",
      default: false,
      describe: "Ask nothing: what cannot be found becomes a TODO",
    })
    .option("force", { type: "boolean", default: false, describe: "Overwrite the file" })
    .option("json", { type: "boolean", default: false, describe: "Print one JSON document instead of text" })
    .example("$0 init", "asks where things are, then looks at them")
    .example(
      "$0 init --redis 10.0.0.5:6379 --postgres 10.0.0.7:5432 --postgres-password '${PGPASSWORD}'",
      "asks for the rest only",
    )
    .example(
      "$0 init --non-interactive --redis 10.0.0.5:6379 --out -",
      "for a script; REDISOPS_INIT_REDIS and the like work too",
    )
    .epilogue(
      "Looks, and changes nothing. Secrets are named, never typed. docs/getting-started.md has a whole example.",
    ) as unknown as Argv<InitOptions>;
}

/** Writes the draft. Throws CONFIG_EXISTS where something is there that may not be replaced. */
async function write(path: string, text: string, force: boolean): Promise<void> {
  const { rename, rm, writeFile } = await import("node:fs/promises");
  if (!force) {
    await writeFile(path, text, { flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
      throw error.code === "EEXIST" ? exists(path) : unwritable(path, error);
    });
    return;
  }
  const fresh = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(fresh, text, { flag: "wx" });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw unwritable(path, error);
  }
}

const exists = (path: string) =>
  new RedisopsError("CONFIG_EXISTS", `${path} is there already; nothing was written`);
const unwritable = (path: string, cause: unknown) =>
  new RedisopsError(
    "USAGE",
    `Cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      next: "Name a file that can be written with --out.",
      cause,
    },
  );

async function run(given: InitOptions): Promise<number> {
  const [{ existsSync }, { initRequest }, { draftConfig }, { openPrompt }] = await Promise.all([
    import("node:fs"),
    import("../init-request.ts"),
    import("../../operations/init/init.ts"),
    import("../prompt.ts"),
  ]);
  const { out, force, json } = given;
  // Before anybody has answered questions in vain.
  if (out !== "-" && !force && existsSync(out)) throw exists(out);
  const silent = given.nonInteractive || !process.stdin.isTTY;
  const prompt = silent ? undefined : openPrompt();
  try {
    const drafted = await draftConfig(initRequest(given, prompt?.ask, note));
    const { text, config, findings, todos } = drafted;
    if (out !== "-") await write(out, text, force);
    if (json) printJson({ path: out === "-" ? null : out, config, findings, todos });
    else if (out === "-") print(text.trimEnd());
    else {
      for (const { path, why } of findings) print(`found  ${path}: ${why}`);
      for (const { path, what, how } of todos) print(`TODO   ${path}: ${what} ${how}`);
      const flag = out === (process.env.REDISOPS_CONFIG || defaultConfigPath) ? "" : ` --config ${out}`;
      print(`wrote  ${out}; next: redisops config check${flag}, then redisops doctor${flag}`);
    }
    return exitCodes.done;
  } finally {
    prompt?.close();
  }
}

/** `redisops init`. */
export function initCommand(finish: (code: number) => void): CommandModule<object, InitOptions> {
  return {
    command: "init",
    builder: (yargs) => options(yargs as Argv),
    handler: async (given) => finish(await run(given)),
  };
}
