// Owns the one exception from "no string becomes code": the address of a thread's script that the build has made. The name of the policy
// stands in the header of every page, in `@waggle/pages`.

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): URL };
}

const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("waggle-threads", {
  createScriptURL(url) {
    const { origin, pathname } = new URL(url, location.href);
    if (origin === location.origin && /^\/assets\/[\w.-]+\.js$/.test(pathname)) return url;
    throw new Error(`Cannot start a thread from ${url}: it is no file of this page`);
  },
});

/** What `new Worker` takes, also where the browser demands a trusted address. */
export function scriptUrl(url: string): string | URL {
  return policy?.createScriptURL(url) ?? url;
}
