import type { CommandModule } from "yargs";
import { redisRoles, roles } from "../../catalog/roles.ts";
import { formatDuration } from "../../core/duration.ts";
import { exitCodes } from "../../core/error-codes.ts";
import type { StatusRow } from "../../exporters/status.ts";
import { type CommonOptions, commonOptions } from "../options.ts";
import { note, print, printJson, styled } from "../output.ts";

interface StatusOptions extends CommonOptions {
  readonly role: string | undefined;
}

/** Longest wait for Prometheus, which only adds since when a mode holds, in milliseconds. */
const prometheusDeadline = 2_000;

const stateStyle = (state: string) => (state === "ok" ? "green" : state === "degraded" ? "yellow" : "red");

async function printTable(rows: readonly StatusRow[], now: number): Promise<void> {
  const { default: Table } = await import("cli-table3");
  const none = {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: "  ",
  };
  const table = new Table({
    chars: none,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
    head: ["ROLE", "TARGET", "STATE", "MODE", "SINCE", "COMMAND"],
  });
  for (const row of rows) {
    const modes = row.modes.length === 0 ? [undefined] : row.modes;
    modes.forEach((mode, index) => {
      table.push([
        index === 0 ? row.role : "",
        index === 0 ? row.target : "",
        index === 0 ? styled(stateStyle(row.state), row.state) : "",
        mode?.id ?? "-",
        mode?.since === undefined ? "-" : `${formatDuration(now - Date.parse(mode.since))} ago`,
        mode?.command ?? "-",
      ]);
    });
  }
  print(
    table
      .toString()
      .split("\n")
      .map((line) => line.trimEnd())
      .join("\n"),
  );
  for (const row of rows) {
    if (row.observed.length === 0 && row.errors.length === 0) continue;
    print();
    print(styled("bold", row.role === "token_bucket" && row.target.includes("/") ? row.target : row.role));
    if (row.observed.length > 0) print(`  ${row.observed.join("; ")}`);
    for (const error of row.errors) {
      print(`  ${error.code}: ${error.message}`);
      print(`    next: ${error.next}`);
    }
  }
}

async function run(options: StatusOptions): Promise<number> {
  const [{ loadConfig }, { Probes }, { platformStatus }, { activeAlerts }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../exporters/probes.ts"),
    import("../../exporters/status.ts"),
    import("../../core/prometheus.ts"),
  ]);
  const config = loadConfig(options.config);
  const alerts =
    config.prometheus === undefined
      ? Promise.resolve([])
      : activeAlerts(config.prometheus.url, prometheusDeadline).catch((error: unknown) => {
          note(`warning: ${error instanceof Error ? error.message : String(error)}; “since” is not known`);
          return [];
        });
  const results = await new Probes(config).run();
  const now = Date.now();
  const all = platformStatus(results, config.thresholds, await alerts, now);
  const rows = options.role === undefined ? all : all.filter((row) => row.role === options.role);
  const healthy = rows.every((row) => row.state === "ok");
  if (options.json) printJson({ platform: config.platform, healthy, roles: rows });
  else await printTable(rows, now);
  return healthy ? exitCodes.done : exitCodes.failed;
}

/** `redisops status`. */
export function statusCommand(finish: (code: number) => void): CommandModule<object, StatusOptions> {
  return {
    command: "status",
    describe: "Probe every role now and show which degradation modes hold",
    builder: (yargs) =>
      commonOptions(yargs)
        .option("role", {
          type: "string",
          choices: roles.filter(
            (role) => role === "postgres" || (redisRoles as readonly string[]).includes(role),
          ),
          describe: "Show one role only",
        })
        .example("$0 status", "a table of all roles; exits 0 when all are ok, 1 otherwise")
        .example("$0 status --role dedup --json", "one role, for a script"),
    handler: async (options) => finish(await run(options)),
  };
}
