import { errorClasses } from "../../catalog/error-class.ts";

/** One line of a metrics page. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const seriesLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;

function parseSeries(line: string): Series {
  const [, name = "", labels = "", value = ""] = seriesLine.exec(line) ?? [];
  if (name === "") throw new Error(`not a line of the exposition format: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, label = "", text = ""]) => [label, text])),
    value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value),
  };
}

/** A metrics page as Prometheus would read it. */
export class MetricsPage {
  readonly text: string;
  readonly series: readonly Series[];

  constructor(text: string) {
    this.text = text;
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    this.series = lines.map(parseSeries);
  }

  /** The series of a metric that carry at least the given labels. */
  all(name: string, labels: Readonly<Record<string, string>> = {}): Series[] {
    return this.series.filter(
      (series) =>
        series.name === name &&
        Object.entries(labels).every(([label, value]) => series.labels[label] === value),
    );
  }

  /** The value of the only series that fits; undefined if there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const [first, ...others] = this.all(name, labels);
    if (others.length > 0) throw new Error(`${name} has several series with ${JSON.stringify(labels)}`);
    return first?.value;
  }

  /** Whether a role answers and, if not, the one way in which it fails; throws unless the page is consistent. */
  verdict(role: string): string {
    const failures = this.all("redisops_role_failure", { role });
    const listed = failures.map(({ labels }) => labels.error_class);
    if (listed.join() !== errorClasses.join()) throw new Error(`${role} lists the failures ${listed.join()}`);
    const own = failures.filter(({ value }) => value === 1).map(({ labels }) => labels.error_class);
    const up = this.value("redisops_role_up", { role });
    if (up === 1 && own.length === 0) return "up";
    if (up === 0 && own.length === 1) return String(own[0]);
    throw new Error(`${role} is up ${up} with the failures ${own.join()}`);
  }
}
