// Octokit's own receiver as its manual shows it, with a handler that stores nothing: PORT and SECRET from the environment.
import { createServer } from "node:http";
import { Webhooks, createNodeMiddleware } from "@octokit/webhooks";

const quiet = () => {};
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const webhooks = new Webhooks({ secret: process.env.SECRET });
webhooks.on("push", quiet);
const receive = createNodeMiddleware(webhooks, { path: "/api/integrations/github/webhook", log });
createServer(async (request, response) => {
  if (!(await receive(request, response))) response.writeHead(404).end();
}).listen(Number(process.env.PORT), "127.0.0.1");
