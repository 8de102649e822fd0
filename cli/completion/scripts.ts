import { RedisopsError } from "../../core/errors.ts";
import { shells } from "./shells.ts";

type Shell = (typeof shells)[number];

/** What the scripts ask with; the parser tells by SHELL how the shell takes descriptions. */
const asked = "redisops --get-yargs-completions";

const scripts: Readonly<Record<Shell, string>> = {
  bash: `# Completion of redisops in bash: source <(redisops completion bash)
_redisops() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}"
  [ "$current" = "=" ] && current=""
  COMPREPLY=($(compgen -W "$(SHELL=bash ${asked} "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)" -- "$current"))
}
complete -o bashdefault -o default -F _redisops redisops`,
  zsh: `#compdef redisops
# Completion of redisops in zsh: source <(redisops completion zsh), after compinit
_redisops() {
  local -a replies
  replies=("\${(@f)$(SHELL=zsh ${asked} "\${(@)words[1,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${replies[1]}" ]]; then
    _describe redisops replies
  else
    _files
  fi
}
compdef _redisops redisops`,
  fish: `# Completion of redisops in fish: redisops completion fish > ~/.config/fish/completions/redisops.fish
function __redisops_complete
  set -l words (commandline -opc) (commandline -ct)
  env SHELL=fish ${asked} $words 2>/dev/null
end
complete -c redisops -a '(__redisops_complete)'`,
};

/** The script that makes a shell complete redisops. Throws USAGE for another shell. */
export function completionScript(shell: string): string {
  const known = shells.find((each) => each === shell);
  if (known !== undefined) return scripts[known];
  throw new RedisopsError("USAGE", `There is no completion for ${shell}: ${shells.join(", ")}`);
}
