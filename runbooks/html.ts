import { Marked, type Tokens } from "marked";
import { escapeHtml } from "../core/escape-html.ts";
import { anchorOf } from "./markdown.ts";

/**
 * A page’s Markdown as HTML. Raw HTML is shown as text, comments are left out. `linkOf` turns a link’s target into that
 * of the page; where it gives undefined, only the link’s text stays.
 */
export function markdownToHtml(markdown: string, linkOf: (target: string) => string | undefined): string {
  const marked = new Marked({ gfm: true, async: false });
  marked.use({
    renderer: {
      html({ text }: Tokens.HTML | Tokens.Tag) {
        return text.startsWith("<!--") ? "" : escapeHtml(text);
      },
      heading({ tokens, depth }: Tokens.Heading) {
        const id = escapeHtml(anchorOf(this.parser.parseInline(tokens, this.parser.textRenderer)));
        const link =
          depth === 1 ? "" : ` <a class="anchor" href="#${id}" aria-label="Link to this section">#</a>`;
        return `<h${depth} id="${id}">${this.parser.parseInline(tokens)}${link}</h${depth}>\n`;
      },
      link({ href, tokens }: Tokens.Link) {
        const text = this.parser.parseInline(tokens);
        const target = linkOf(href);
        return target === undefined ? text : `<a href="${escapeHtml(target)}">${text}</a>`;
      },
      image({ text }: Tokens.Image) {
        return escapeHtml(text);
      },
      table(token: Tokens.Table) {
        const cells = (row: readonly Tokens.TableCell[], tag: "th" | "td") =>
          row.map(({ tokens }) => `<${tag}>${this.parser.parseInline(tokens)}</${tag}>`).join("");
        const body = token.rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n");
        return `<div class="scroll"><table>\n<thead><tr>${cells(token.header, "th")}</tr></thead>\n<tbody>\n${body}\n</tbody></table></div>\n`;
      },
    },
  });
  return marked.parse(markdown) as string;
}
