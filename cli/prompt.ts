import { createInterface } from "node:readline/promises";
import { RedisopsError } from "../core/errors.ts";

/** Somebody at the terminal who answers questions. */
export interface Prompt {
  /** Asks on stderr; answers the suggestion where nothing was typed. Rejects with INTERRUPTED at Ctrl-C or the end of stdin. */
  ask(question: string, suggestion?: string): Promise<string>;
  close(): void;
}

/** Begins to read answers from stdin. */
export function openPrompt(): Prompt {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new AbortController();
  lines.once("close", () => ended.abort());
  return {
    async ask(question, suggestion = "") {
      const shown = suggestion === "" ? `${question}: ` : `${question} [${suggestion}]: `;
      try {
        return (await lines.question(shown, { signal: ended.signal })).trim() || suggestion;
      } catch (error) {
        throw new RedisopsError("INTERRUPTED", "Interrupted at a question; nothing was written", {
          next: "Run it again, or with --non-interactive: what is not known becomes a TODO in the file.",
          cause: error,
        });
      }
    },
    close: () => lines.close(),
  };
}
