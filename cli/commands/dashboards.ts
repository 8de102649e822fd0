import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { RedisopsError } from "../../core/errors.ts";
import { version } from "../../core/version.ts";
import type { Comparison, Pushed, Standing } from "../../dashboards/publishing/publish.ts";
import { boardsOf, classicBoards, v2Boards } from "../boards-of.ts";
import { type CommonOptions, commonOptions } from "../options.ts";
import { print, printJson, styled } from "../output.ts";
import { writeGenerated } from "../write-generated.ts";

interface BuildOptions extends CommonOptions {
  readonly out: string;
  readonly schema: string;
}

interface PushOptions extends CommonOptions {
  readonly force: boolean;
}

/** The boards of a configuration beside those of its Grafana. */
async function compared(path: string) {
  const [{ loadConfig }, { requireSecrets }, { GrafanaApi }, { compareBoards }] = await Promise.all([
    import("../../core/config/load.ts"),
    import("../../core/config/effective.ts"),
    import("../../core/grafana.ts"),
    import("../../dashboards/publishing/publish.ts"),
  ]);
  const config = loadConfig(path);
  const { grafana } = config;
  if (grafana === undefined) {
    throw new RedisopsError("CONFIG_INCOMPLETE", `${path} has no section grafana`, {
      next: "Add grafana.url and grafana.token to redisops.yaml; docs/dashboards.md has an example.",
    });
  }
  requireSecrets({ grafana }, path);
  const api = new GrafanaApi(grafana);
  return { api, grafana, comparisons: await compareBoards(api, await boardsOf(config)) };
}

const standings: Readonly<Record<Standing, string>> = {
  missing: "not in Grafana yet: a push creates it",
  same: "up to date",
  outdated: "a push changes it",
  edited: "changed in Grafana since redisops made it: a push needs --force",
  foreign: "not made by redisops: a push needs --force",
  provisioned: "read from files by Grafana: a push cannot change it",
  v2: "saved in the v2 schema in Grafana: a push cannot change it",
};

function differenceLines({ standing, difference }: Comparison): string[] {
  if (standing === "same" || difference === undefined) return [];
  const { parts, panels } = difference;
  const signs = { added: "+", removed: "-", changed: "~" } as const;
  const lines = [
    ...(parts.length === 0 ? [] : [`  ~ ${parts.join(", ")}`]),
    ...panels.map(
      ({ change, title, parts: own }) =>
        `  ${signs[change]} ${title}${own.length === 0 ? "" : `: ${own.join(", ")}`}`,
    ),
  ];
  return lines.length === 0 ? ["  ~ nothing that is seen"] : lines;
}

async function diff(options: CommonOptions): Promise<number> {
  const { comparisons } = await compared(options.config);
  if (options.json) {
    printJson({
      boards: comparisons.map(({ board, standing, difference }) => ({
        uid: board.uid,
        standing,
        ...(standing !== "same" && difference !== undefined && { difference }),
      })),
    });
  } else {
    for (const comparison of comparisons) {
      print(`${comparison.board.uid}  ${standings[comparison.standing]}`);
      for (const line of differenceLines(comparison)) print(line);
    }
  }
  return comparisons.every(({ standing }) => standing === "same") ? exitCodes.done : exitCodes.planHasChanges;
}

function outcomeOf({ uid, outcome, version: number, reason }: Pushed): string {
  switch (outcome) {
    case "same":
      return `${uid}  up to date`;
    case "kept":
      return `${uid}  ${styled("yellow", `kept as it is: ${reason}`)}`;
    default:
      return `${uid}  ${outcome}, version ${number}`;
  }
}

async function push(options: PushOptions): Promise<number> {
  const { api, grafana, comparisons } = await compared(options.config);
  const { pushBoards } = await import("../../dashboards/publishing/publish.ts");
  const pushed = await pushBoards(api, comparisons, {
    folder: grafana.folder,
    force: options.force,
    message: `redisops ${version}`,
    onPushed: (board) => {
      if (!options.json) print(outcomeOf(board));
    },
  });
  const kept = pushed.filter(({ outcome }) => outcome === "kept");
  if (options.json) printJson({ boards: pushed });
  if (kept.length === 0) return exitCodes.done;
  const error = new RedisopsError(
    "GRAFANA_BOARD_KEPT",
    `Left as they are: ${kept.map(({ uid }) => uid).join(", ")}`,
    { target: grafana.url },
  );
  if (options.json) return error.exitCode;
  throw error;
}

/** `redisops dashboards build|push|diff`. */
export function dashboardsCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "dashboards",
    builder: (yargs) =>
      yargs
        .command<BuildOptions>(
          "build",
          "Write the boards as files",
          (own) =>
            commonOptions(own)
              .option("out", {
                type: "string",
                demandOption: true,
                requiresArg: true,
                describe: "Folder to write to",
              })
              .option("schema", {
                choices: ["classic", "v2"],
                default: "classic",
                describe: "classic for file provisioning, v2 for manifests (gcx resources push)",
              })
              .example(
                "$0 dashboards build --out /etc/grafana/dashboards",
                "for Grafana’s provisioning of files",
              ),
          async (options) => {
            const boards = options.schema === "v2" ? v2Boards : classicBoards;
            finish(await writeGenerated(await boards(options.config), options));
          },
        )
        .command<CommonOptions>(
          "diff",
          "Show what a push would change, board by board; exits 2 when there is something",
          (own) =>
            commonOptions(own)
              .example("$0 dashboards diff", "changes nothing; names boards that somebody has edited")
              .example("$0 dashboards diff --json", "for a script"),
          async (options) => finish(await diff(options)),
        )
        .command<PushOptions>(
          "push",
          "Create the boards in Grafana, or bring them up to date",
          (own) =>
            commonOptions(own)
              .option("force", {
                type: "boolean",
                default: false,
                describe:
                  "Also overwrite boards that redisops did not make, or that somebody has changed since",
              })
              .example("$0 dashboards push", "exits 8 when a board was left as it is")
              .example("$0 dashboards push --force", "after a look at dashboards diff"),
          async (options) => finish(await push(options)),
        )
        .example("$0 dashboards push", "to the Grafana that redisops.yaml names")
        .demandCommand(1, "Say what to do: build, diff or push"),
    handler: () => undefined,
  };
}
