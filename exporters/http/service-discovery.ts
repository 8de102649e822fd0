import { isIP } from "node:net";
import { BadQuestion, type ProbeCatalog, selfTarget } from "./query.ts";

/** One entry of Prometheus's http_sd. */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const hostPattern = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})))(?::(\d{1,5}))?$/;

/** `host:port` of a Host header; the scheme's port where it names none. Throws BadQuestion on anything else. */
export function askedHost(header: string | undefined, scheme: "http" | "https"): string {
  const [, v6, name, port] = hostPattern.exec(header ?? "") ?? [];
  const valid = v6 === undefined ? name !== undefined : isIP(v6) === 6;
  const number = port === undefined ? (scheme === "https" ? 443 : 80) : Number(port);
  if (!valid || number < 1 || number > 65_535) {
    throw new BadQuestion(
      "the Host header must be host or host:port: it becomes the address that Prometheus scrapes",
    );
  }
  return `${v6 === undefined ? name : `[${v6}]`}:${number}`;
}

/** All that can be probed, each as a target of its own, so that Prometheus can spread it over scrapers and exporters. */
export function targetGroups({ groups }: ProbeCatalog, address: string): TargetGroup[] {
  const entry = (target: string, labels: Readonly<Record<string, string>>): TargetGroup => ({
    targets: [address],
    labels: { __metrics_path__: "/probe", __param_target: target, ...labels },
  });
  return [
    entry(selfTarget, { role: "self" }),
    ...[...groups.values()].map(({ name, probes }) => {
      const [provider = "", account] = name.split("/");
      const role = probes[0]?.role ?? "self";
      return entry(name, account === undefined ? { role } : { role, provider, account });
    }),
  ];
}
