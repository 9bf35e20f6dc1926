// Preloaded with `node --import`: lets modules of this repository import npm packages that are installed in
// .local/node, so that the source tree holds no node_modules, and repairs the Postgres driver.
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";
import { repaired } from "./driver.mjs";

const repository = path.resolve(import.meta.dirname, "..", "..", "..");
const installed = process.env.LIN_NODE_PACKAGES ?? path.join(repository, ".local", "node");
const parentURL = pathToFileURL(path.join(installed, "package.json")).href;
const own = pathToFileURL(repository + path.sep).href;

function isOurs(url) {
  return url?.startsWith(own) && !url.includes("/node_modules/");
}

registerHooks({
  resolve(specifier, context, next) {
    const bare = !/^(\.{0,2}\/|[a-z]+:)/i.test(specifier);
    return next(specifier, bare && isOurs(context.parentURL) ? { ...context, parentURL } : context);
  },
  load(url, context, next) {
    const loaded = next(url, context);
    return loaded.source ? { ...loaded, source: repaired(url, loaded.source) } : loaded;
  },
});
