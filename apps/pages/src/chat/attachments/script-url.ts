// Owns the one exception from the rule that no string becomes code: the address of a thread's script from the build. The name of the policy is
// in the header of each page, which the daemon's page server sends.

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
    throw new Error(`Cannot start a thread from ${url}: it is not a file of this page`);
  },
});

/** An address for `new Worker`, also where the browser requires a trusted one. */
export function scriptUrl(url: string): string | URL {
  return policy?.createScriptURL(url) ?? url;
}
