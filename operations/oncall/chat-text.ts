import type { Section } from "./answer-text.ts";

/** Characters of a message at most; Slack cuts longer ones. */
const mostCharacters = 3_900;

/** What differs between Markdown and Slack's own format. */
interface Dialect {
  readonly bold: (text: string) => string;
  /** Makes text of others mean nothing but itself. */
  readonly plain: (text: string) => string;
}

/** CommonMark: what could begin a mark-up, a link or an element is escaped; a mention too, by an invisible joint. */
const markdown: Dialect = {
  bold: (text) => `**${text}**`,
  plain: (text) => text.replace(/[\\`*_[\]<>|~#!]/g, "\\$&").replaceAll("@", "@\u2060"),
};

/** Slack's mrkdwn: three characters are its control characters, and make mentions as well. */
const slack: Dialect = {
  bold: (text) => `*${text}*`,
  plain: (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
};

const inCode = (text: string) => `\`${text.replaceAll("`", "'")}\``;
const isLink = (text: string) => /^https?:\/\/\S+$/.test(text);

function written(sections: readonly Section[], { bold, plain }: Dialect): string {
  const lines = sections.flatMap(({ heading, lines: own }) => [
    bold(plain(heading)),
    ...own.map(({ label, value, command }) => {
      const text = command === true ? inCode(value) : isLink(value) ? value : plain(value);
      return label === "" ? `  - ${text}` : `- ${label}: ${text}`;
    }),
    "",
  ]);
  return `${lines.join("\n").trimEnd()}\n`;
}

/** Sections as Markdown. */
export const markdownText = (sections: readonly Section[]): string => written(sections, markdown);

/**
 * Sections in Slack's format, short enough for one message: where all of it is not, each section has its first lines
 * and what to do next.
 */
export function slackText(sections: readonly Section[]): string {
  const whole = written(sections, slack);
  if (whole.length <= mostCharacters) return whole;
  const short = sections.map(({ heading, lines }) => ({
    heading,
    lines: lines.filter(({ label }) => ["now", "because", "next", "runbook"].includes(label)),
  }));
  const text = written(short, slack);
  return text.length <= mostCharacters
    ? text
    : `${text.slice(0, text.lastIndexOf("\n", mostCharacters))}\n…\n`;
}
