import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { messageOf, RedisopsError } from "../../core/errors.ts";
import { type CommonOptions, commonOptions } from "../options.ts";
import { note, print, printJson } from "../output.ts";

interface GenerateOptions extends CommonOptions {
  readonly out: string;
}

/** Files of a kind, with names relative to the output folder. Only a secret one is closed to other users. */
type Generated = readonly { readonly name: string; readonly text: string; readonly secret: boolean }[];

async function alerts(path: string): Promise<Generated> {
  const [{ loadConfig }, { requireSecrets }, { renderRules }, { ruleOptions }, { renderAlertmanager }] =
    await Promise.all([
      import("../../core/config/load.ts"),
      import("../../core/config/effective.ts"),
      import("../../alerts/rules.ts"),
      import("../../alerts/defaults.ts"),
      import("../../alerts/alertmanager.ts"),
    ]);
  const config = loadConfig(path);
  requireSecrets({ alerting: config.alerting }, path);
  const { receivers, group_wait } = config.alerting;
  if (receivers.page === undefined) {
    note("warning: alerting.receivers.page is not set: alerts that should wake somebody reach nobody");
  }
  return [
    { name: "redisops.rules.yml", text: renderRules(ruleOptions(config)), secret: false },
    {
      name: "alertmanager.yml",
      text: renderAlertmanager({ receivers, groupWait: group_wait }),
      secret: true,
    },
  ];
}

async function dashboards(path: string): Promise<Generated> {
  const [{ loadConfig }, { buildDashboards }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../dashboards/build.ts"),
  ]);
  const config = loadConfig(path);
  const built = buildDashboards({
    thresholds: config.thresholds,
    runbookBaseUrl: config.alerting.runbook_base_url,
  });
  return built.map(({ fileName, json }) => ({
    name: fileName,
    text: `${JSON.stringify(json, null, 2)}\n`,
    secret: false,
  }));
}

/** Puts a file in place at once and whole; a secret one for its owner alone, whoever could read the one before. */
async function replaceFile(path: string, text: string, secret: boolean): Promise<void> {
  const fresh = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(fresh, text, { mode: secret ? 0o600 : 0o644, flag: "wx" });
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

async function run(
  generate: (path: string) => Promise<Generated>,
  options: GenerateOptions,
): Promise<number> {
  const files = await generate(options.config);
  const paths = files.map(({ name }) => join(options.out, name));
  try {
    await mkdir(options.out, { recursive: true });
    for (const { name, text, secret } of files) await replaceFile(join(options.out, name), text, secret);
  } catch (error) {
    throw new RedisopsError("USAGE", `Cannot write to the folder "${options.out}": ${messageOf(error)}`, {
      next: "Name a folder that can be written to with --out.",
      cause: error,
    });
  }
  if (options.json) printJson({ files: paths });
  else for (const path of paths) print(path);
  return exitCodes.done;
}

/** `redisops generate alerts|dashboards`. */
export function generateCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "generate",
    describe: "Write alert rules, the Alertmanager configuration or dashboards for your redisops.yaml",
    builder: (yargs) => {
      const kinds = {
        alerts: "Prometheus rules and the Alertmanager configuration",
        dashboards: "Grafana dashboards",
      };
      for (const [kind, purpose] of Object.entries(kinds)) {
        yargs.command<GenerateOptions>(
          kind,
          purpose,
          (own) =>
            commonOptions(own)
              .option("out", {
                type: "string",
                demandOption: true,
                requiresArg: true,
                describe: "Folder to write to",
              })
              .example(
                `$0 generate ${kind} --out /etc/${kind === "alerts" ? "prometheus" : "grafana/dashboards"}`,
                kind === "alerts" ? "alertmanager.yml holds the webhooks’ URLs: for its owner alone" : "",
              ),
          async (options) => finish(await run(kind === "alerts" ? alerts : dashboards, options)),
        );
      }
      return yargs.demandCommand(1, "Say what to generate: alerts or dashboards");
    },
    handler: () => undefined,
  };
}
