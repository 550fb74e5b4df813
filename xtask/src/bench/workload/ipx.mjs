// IPX as its own server, with pictures from any host: `node ipx.mjs PORT`.
import { createServer } from "node:http";
import { createIPX, createIPXNodeServer, ipxHttpStorage } from "ipx";

const ipx = createIPX({ storage: ipxHttpStorage({ allowAllDomains: true }) });
createServer(createIPXNodeServer(ipx)).listen(Number(process.argv[2]), "127.0.0.1");
