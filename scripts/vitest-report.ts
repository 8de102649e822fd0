import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** Lines of a failure's message that are printed. */
const messageLines = 25;

/** Failed tests whose message is printed; of the others only the names are. */
const messagesShown = 12;

/** What vitest's JSON reporter writes, as far as it is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    /** Why the file itself failed, where it did. */
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

const read = (file: string) => JSON.parse(readFileSync(file, "utf8")) as Report;

/** Full names of the tests that were not run. */
export function skippedTests(file: string): string[] {
  return read(file)
    .testResults.flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status !== "passed" && status !== "failed")
    .map(({ fullName }) => fullName);
}

const shorten = (message: string) =>
  stripVTControlCharacters(message)
    .split("\n")
    .slice(0, messageLines)
    .map((line) => `    ${line}`.trimEnd())
    .join("\n");

/** What failed, with the beginning of each message: for the end of a log, which may be all that is seen of it. */
export function failures(file: string): string {
  let report: Report;
  try {
    report = read(file);
  } catch {
    return "  it ended without a report";
  }
  const failed = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const path = relative(process.cwd(), name);
    const tests = assertionResults
      .filter((test) => test.status === "failed")
      .map(({ fullName, failureMessages }) => ({
        name: `${path} > ${fullName}`,
        message: (failureMessages ?? []).join("\n"),
      }));
    return tests.length === 0 && status === "failed" ? [{ name: path, message: message ?? "" }] : tests;
  });
  if (failed.length === 0)
    return "  no test of its report failed: an error outside of the tests, which is above";
  return failed
    .map(({ name, message }, index) => `  ${name}${index < messagesShown ? `\n${shorten(message)}` : ""}`)
    .join("\n");
}
