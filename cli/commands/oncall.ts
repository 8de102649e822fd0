import type { CommandModule } from "yargs";
import { RedisopsError } from "../../core/errors.ts";
import { type CommonOptions, commonOptions } from "../options.ts";

interface OncallOptions extends CommonOptions {
  readonly payload: string | undefined;
  readonly listen: string | undefined;
  readonly markdown: boolean;
}

const addressPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)?:(\d{1,5})$/;

async function run(options: OncallOptions): Promise<number> {
  const { payload, listen, markdown, json } = options;
  const usage = (message: string) =>
    new RedisopsError("USAGE", message, { next: "redisops oncall --help shows examples." });
  if (payload !== undefined && listen === undefined) {
    if (markdown && json) throw usage("--json and --markdown exclude each other");
    return (await import("../oncall/answer-once.ts")).answerOnce({ ...options, payload });
  }
  if (listen === undefined) throw usage("Name a file with a notification, - for stdin, or --listen");
  if (payload !== undefined || markdown)
    throw usage("--listen takes notifications itself: neither a file nor --markdown goes with it");
  if (!(Number(addressPattern.exec(listen)?.[1]) <= 65_535))
    throw usage(`--listen expects host:port or :port, got ${JSON.stringify(listen)}`);
  return (await import("../oncall/listen.ts")).listen({ ...options, listen });
}

/** `redisops oncall`. */
export function oncallCommand(finish: (code: number) => void): CommandModule<object, OncallOptions> {
  return {
    command: "oncall [payload]",
    builder: (yargs) =>
      commonOptions(yargs)
        .positional("payload", {
          type: "string",
          describe: "File with what Alertmanager posts to a webhook; - for stdin",
        })
        .option("listen", {
          type: "string",
          requiresArg: true,
          describe:
            "host:port on which Alertmanager’s notifications are taken; answers are printed as JSON lines",
        })
        .option("markdown", { type: "boolean", default: false, describe: "Print Markdown, for a chat" })
        .example("$0 oncall alert.json", "what holds, why, and the plan; changes nothing")
        .example("curl -s $URL | $0 oncall - --markdown", "the same for a chat")
        .example("$0 oncall --listen 127.0.0.1:9911", "as a webhook receiver of Alertmanager")
        .epilogue(
          "With --listen it carries out the recoveries that oncall.execute in redisops.yaml names, and nothing else (docs/oncall.md).",
        ),
    handler: async (options) => finish(await run(options)),
  };
}
