import { formatDuration } from "../core/duration.ts";
import type { ShownLab } from "./lab-module.ts";
import { aligned, print, styled } from "./output.ts";

const count = (value: number | null) => (value === null ? "unknown" : value.toLocaleString("en-US"));

const conditionStyle = (condition: string) =>
  condition === "up" ? "green" : condition === "slow" ? "yellow" : "red";

function pad(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function printProcesses({ processes }: ShownLab): void {
  const cells = processes.map(({ name, port, pid, condition, part }) => [
    name,
    port === null ? "-" : String(port),
    String(pid),
    condition,
    part,
  ]);
  const lines = pad([["PROCESS", "PORT", "PID", "STATE", "PART"], ...cells]);
  for (const [index, line] of lines.entries()) {
    const condition = processes[index - 1]?.condition;
    print(
      condition === undefined
        ? line
        : line.replace(` ${condition} `, ` ${styled(conditionStyle(condition), condition)} `),
    );
  }
}

/** The figure, loud when it should be 0 and is not. */
function none(value: number | null): string {
  return value === 0 ? "0" : styled("red", count(value));
}

function messageLine(messages: NonNullable<ShownLab["messages"]>): string {
  const { accepted, delivered, pending, lost, refused, waiting, duplicates, outOfOrder } = messages;
  return (
    `${count(accepted)} accepted; ${count(delivered)} delivered, ${count(pending)} pending, ${none(lost)} lost; ` +
    `${count(refused)} over the rate limit, ${count(waiting)} under way; ` +
    `${count(duplicates)} delivered twice, ${none(outOfOrder)} out of order`
  );
}

function notificationLine(notifications: NonNullable<ShownLab["notifications"]>): string {
  const { produced, sent, optedOut, outstanding, givenUp, missed, unaccounted } = notifications;
  const { suppressed, sentTwice, sentAgainstOptOut, shed } = notifications;
  return (
    `${count(produced)} produced; ${count(sent)} sent, ${count(optedOut)} opted out, ${count(outstanding)} outstanding, ` +
    `${none(missed)} missed, ${none(givenUp)} given up, ${none(unaccounted)} unaccounted for; ` +
    `${count(suppressed)} duplicates suppressed, ${none(sentTwice)} sent twice, ` +
    `${none(sentAgainstOptOut)} sent against an opt-out, shed ${count(shed)} times`
  );
}

function loadFacts({ rates, messages, notifications, providers }: ShownLab) {
  return [
    {
      label: "load",
      value:
        rates === null
          ? "unknown"
          : `${count(rates.messages)} messages/s, ${count(rates.notifications)} notifications/s`,
    },
    { label: "messages", value: messages === null ? "unknown" : messageLine(messages) },
    {
      label: "notifications",
      value: notifications === null ? "unknown" : notificationLine(notifications),
    },
    ...(providers ?? []).map(({ provider, account, accepted, throttled }) => ({
      label: `${provider}/${account}`,
      value: `${count(accepted)} accepted, ${count(throttled)} answered 429`,
    })),
  ];
}

/** Prints how a lab is: its processes, what is broken on purpose, and the books. */
export function printLab(lab: ShownLab, now: number): void {
  print(`${styled("bold", lab.name)}  ${lab.phase}`);
  if (lab.withoutKafka !== null) print(`  without Kafka: ${lab.withoutKafka}`);
  printProcesses(lab);
  print();
  for (const { fault, target, since, until } of lab.faults) {
    const rest = until === null ? "until healed" : `${formatDuration(Date.parse(until) - now)} more`;
    const lasted = formatDuration(now - Date.parse(since));
    print(`${styled("red", "fault")}  ${fault} of ${target} for ${lasted}, ${rest}`);
  }
  for (const line of aligned(loadFacts(lab), "")) print(line);
}

/** Prints what to do with a lab that has just come up; `heading` says where or when. */
export function printNextCommands(lab: ShownLab, heading: string): void {
  const name = lab.name === "default" ? "" : ` --name ${lab.name}`;
  print(
    styled(
      "bold",
      `The lab ${lab.name} is up: ${lab.processes.length} processes, after ${lab.startSeconds} s`,
    ),
  );
  const addresses = Object.entries(lab.addresses).map(([label, value]) => ({ label, value }));
  const places = [...addresses, { label: "redisops.yaml", value: lab.configFile ?? "-" }];
  for (const line of aligned([...places, { label: "logs", value: lab.folder }])) print(line);
  print(heading);
  for (const line of aligned([
    {
      label: `redisops lab status${name}`,
      value: "every process, and the books of messages and notifications",
    },
    { label: `redisops lab inject kill --role registry${name}`, value: "break something; heal undoes it" },
    { label: `redisops lab down${name}`, value: "end it; nothing is left" },
  ])) {
    print(line);
  }
  print(`  export REDISOPS_CONFIG=${lab.configFile}`);
  print("  redisops status");
}
