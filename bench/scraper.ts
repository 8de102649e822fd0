import { Agent, request } from "node:http";

/** An answered scrape. */
export interface Page {
  readonly text: string;
  /** From the request to the last byte. */
  readonly seconds: number;
}

/** Scrapes one exporter as Prometheus does: on a connection that is kept, with its own timeout in a header. */
export class Scraper {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;
  readonly #timeoutSeconds: number;

  constructor(url: string, timeoutSeconds = 10) {
    this.#url = url;
    this.#timeoutSeconds = timeoutSeconds;
  }

  /** Rejects with what the connection fails with, or when the answer is not 200. */
  scrape(): Promise<Page> {
    const headers = {
      accept: "text/plain;version=0.0.4",
      "x-prometheus-scrape-timeout-seconds": String(this.#timeoutSeconds),
    };
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const asked = request(this.#url, { agent: this.#agent, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
        });
        response.once("error", reject);
        response.once("end", () => {
          const seconds = (performance.now() - started) / 1000;
          if (response.statusCode === 200) resolve({ text, seconds });
          else reject(new Error(`${this.#url} answered ${response.statusCode}: ${text}`));
        });
      });
      asked.once("error", reject);
      asked.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The series of a page in Prometheus's text format, a line each. */
export function seriesOf(page: Page): string[] {
  return page.text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}
