import { apiAddresses, type ProvidersConfig } from "../core/config/providers-section.ts";

/** What tells a provider's answers from others in the metrics of an HTTP client. */
export interface ProviderAddress {
  readonly provider: string;
  /** The only account, where there is one alone: a client's metrics do not say which account it used. */
  readonly account: string | undefined;
  /** As OpenTelemetry's `server.address` gives it. */
  readonly host: string;
  readonly port: string;
  /** Whether the port is the scheme's own, which a client may leave out. */
  readonly usualPort: boolean;
}

function addressOf(provider: string, baseUrl: string, account: string | undefined): ProviderAddress {
  const { protocol, hostname, port } = new URL(baseUrl);
  return {
    provider,
    account,
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (protocol === "https:" ? "443" : "80") : port,
    usualPort: port === "",
  };
}

const sameServer = (a: ProviderAddress, b: ProviderAddress) => a.host === b.host && a.port === b.port;

/**
 * The addresses of the providers that a configuration names, or of all providers that redisops knows where it names none.
 * Providers behind one and the same address cannot be told apart by it and are left out.
 */
export function providerAddresses(providers: ProvidersConfig): ProviderAddress[] {
  const named = Object.entries(providers).map(([provider, { base_url, accounts }]) => {
    const names = Object.keys(accounts);
    return addressOf(provider, base_url, names.length === 1 ? names[0] : undefined);
  });
  const known = Object.entries(apiAddresses).map(([provider, url]) => addressOf(provider, url, undefined));
  const addresses = named.length === 0 ? known : named;
  return addresses.filter(
    (address) => !addresses.some((other) => other !== address && sameServer(address, other)),
  );
}
