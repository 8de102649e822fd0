import type { Probe, ProbeName } from "../probe.ts";

/** What can be asked for: the probes by the name of their group. */
export interface ProbeCatalog {
  readonly groups: ReadonlyMap<string, { readonly name: string; readonly probes: readonly Probe[] }>;
}

/** What `/probe?target=` answers for the exporter itself, without probing anything. */
export const selfTarget = "self";

/** A question that cannot be answered as it was put: the answer's status is 400. Repeats nothing of the question. */
export class BadQuestion extends Error {}

/** The only value of each parameter of a URL's query. Throws BadQuestion on others and on repeated ones. */
function parameters<Name extends string>(url: string, known: readonly Name[]): Partial<Record<Name, string>> {
  const start = url.indexOf("?");
  if (start < 0) return {};
  const allowed = known.length === 0 ? "none is allowed here" : `allowed here: ${known.join(", ")}`;
  const values: Partial<Record<Name, string>> = {};
  for (const [given, value] of new URLSearchParams(url.slice(start + 1))) {
    const name = known.find((each) => each === given);
    if (name === undefined) throw new BadQuestion(`unknown query parameter; ${allowed}`);
    if (values[name] !== undefined) throw new BadQuestion(`the query parameter ${name} is given twice`);
    values[name] = value;
  }
  return values;
}

function debugFlag(value: string | undefined): boolean {
  if (value !== undefined && value !== "true" && value !== "false") {
    throw new BadQuestion("the query parameter debug is neither true nor false");
  }
  return value === "true";
}

/** Makes sure that a URL has no query. Throws BadQuestion. */
export function noParameters(url: string): void {
  parameters(url, []);
}

/** The question of a URL of `/metrics`. Throws BadQuestion. */
export function metricsQuestion(url: string): { readonly debug: boolean } {
  return { debug: debugFlag(parameters(url, ["debug"]).debug) };
}

/** The question of a URL of `/probe`, held against what is configured. Throws BadQuestion. */
export function probeQuestion(
  url: string,
  { groups }: ProbeCatalog,
): { readonly target: string; readonly module: ProbeName | undefined; readonly debug: boolean } {
  const { target, module, debug } = parameters(url, ["target", "module", "debug"]);
  const targets = [selfTarget, ...groups.keys()].join(", ");
  if (target === undefined)
    throw new BadQuestion(`the query parameter target is missing; it is one of: ${targets}`);
  const group = groups.get(target);
  if (target !== selfTarget && group === undefined) {
    throw new BadQuestion(`unknown target; it is one of: ${targets}`);
  }
  const flag = debugFlag(debug);
  if (module === undefined) return { target, module: undefined, debug: flag };
  const probe = group?.probes.find(({ name }) => name === module);
  if (probe === undefined) {
    const modules = [...new Set(group?.probes.map(({ name }) => name))];
    throw new BadQuestion(
      modules.length === 0
        ? `the target ${selfTarget} has no module`
        : `unknown module; for this target it is one of: ${modules.join(", ")}, or left out for all of them`,
    );
  }
  return { target, module: probe.name, debug: flag };
}
