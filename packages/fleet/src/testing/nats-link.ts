// Opens the connection to NATS for tests of broker/nats, which also look at what NATS keeps.
import { systemClock } from "@waggle/async";
import { systemChance } from "../broker/chance.ts";
import { openNatsLink, type ConnectionOptions, type NatsLink } from "../broker/nats/connection.ts";
import { closeLater, silent } from "./fleet.ts";

export function openLink(url: string, more: Partial<ConnectionOptions> = {}): NatsLink {
  const own = { insecure: false, name: "test", log: silent, clock: systemClock, random: systemChance.next };
  return openNatsLink({ url, ...own, ...more });
}

/** Resolves with a connection that is up. It is closed after the test. */
export async function linkTo(url: string, more: Partial<ConnectionOptions> = {}): Promise<NatsLink> {
  const link = openLink(url, more);
  closeLater(() => link.close());
  await whenUp(link);
  return link;
}

/** Resolves when the connection is up or, with `wanted` false, lost. */
export async function whenUp(link: NatsLink, wanted = true): Promise<void> {
  await new Promise<void>((resolve) => {
    const forget = link.onChange((connected) => {
      if ((connected !== undefined) === wanted) resolve();
    });
    if (link.connected === wanted) resolve();
    closeLater(async () => forget());
  });
}
