import { z } from "zod";
import { errorCodes } from "../../core/error-codes.ts";

/** What a command prints with `--json`. */
export interface OutputDocument {
  /** The command's words, such as `recover list`. */
  readonly command: string;
  /** What the document is, a sentence. */
  readonly about: string;
  readonly schema: z.ZodType;
}

export const time = () => z.iso.datetime().describe("ISO 8601, UTC.");
export const labels = z.record(z.string(), z.string());

/** An error as every command prints it. */
export const errorReport = z
  .strictObject({
    code: z
      .string()
      .refine((code) => Object.hasOwn(errorCodes, code), "is no code of docs/errors.md")
      .describe("One of those in docs/errors.md."),
    message: z.string().describe("What happened."),
    target: z.string().optional().describe("To what it happened."),
    next: z.string().describe("What to do next."),
    resume: z.string().optional().describe("The run that stopped half-way and can be resumed."),
    problems: z
      .array(
        z.strictObject({
          line: z.int().optional(),
          column: z.int().optional(),
          path: z.string(),
          message: z.string(),
        }),
      )
      .optional()
      .describe(
        "Each mistake in a configuration, with its place in the file; a secret that cannot be read has none.",
      ),
  })
  .describe("What went wrong.");

/** A labelled line of a plan or a verification. */
export const fact = z.strictObject({ label: z.string(), value: z.string() });

export const files = z.strictObject({ files: z.array(z.string()).describe("The files that were written.") });
