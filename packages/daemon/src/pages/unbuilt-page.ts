// Owns the response at a page's address before the pages are built.

const buildCommand = "npx --yes pnpm@12.21.0 build";

export const unbuiltPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Waggle: not built yet</title>
  </head>
  <body>
    <h1>The pages are not built yet</h1>
    <p>The daemon runs and answers. Its pages come with this command, in the repository's root:</p>
    <pre>${buildCommand}</pre>
    <p>Then load this page again. The daemon need not restart.</p>
  </body>
</html>
`;
