import type { CommandModule } from "yargs";
import { exitCodes } from "../../core/error-codes.ts";
import { shells } from "../completion/shells.ts";
import { print } from "../output.ts";

interface CompletionOptions {
  readonly shell: string;
}

/** `redisops completion`. */
export function completionCommand(finish: (code: number) => void): CommandModule<object, CompletionOptions> {
  return {
    command: "completion <shell>",
    builder: (yargs) =>
      yargs
        .positional("shell", {
          type: "string",
          demandOption: true,
          choices: shells,
          describe: "Which shell the script is for",
        })
        .example("source <(redisops completion bash)", "in ~/.bashrc")
        .example("source <(redisops completion zsh)", "in ~/.zshrc, after compinit")
        .example("redisops completion fish > ~/.config/fish/completions/redisops.fish", "once"),
    handler: async ({ shell }) => {
      const { completionScript } = await import("../completion/scripts.ts");
      print(completionScript(shell));
      finish(exitCodes.done);
    },
  };
}
