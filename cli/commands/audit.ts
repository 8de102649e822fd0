import type { CommandModule } from "yargs";
import { auditDuplicatesCommand } from "./audit-duplicates.ts";
import { auditPreferencesCommand } from "./audit-preferences.ts";

/** `redisops audit`. */
export function auditCommand(finish: (code: number) => void): CommandModule {
  return {
    command: "audit",
    builder: (yargs) =>
      auditDuplicatesCommand(auditPreferencesCommand(yargs, finish), finish)
        .example("$0 audit preferences --since 2h", "who was notified against their will")
        .example("$0 audit duplicates --since 2h", "what went out twice")
        .demandCommand(1, "Say what to audit: preferences or duplicates"),
    handler: () => undefined,
  };
}
