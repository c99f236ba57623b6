// Open models as Netron does, without its window, and print what it would draw.
// usage: node open_models.mjs FOLDER_OF_NETRON MODEL...
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as url from 'node:url';

const [folder, ...files] = process.argv.slice(2);
const load = (name) => import(url.pathToFileURL(path.join(folder, `${name}.js`)));
const view = await load('view');
const base = await load('base');

const host = {
    event: () => {},
    exception: (error) => { throw error; },
    require: (id) => load(id.replace('./', ''))
};

const open = async (file) => {
    const context = {
        identifier: path.basename(file),
        stream: new base.BinaryStream(new Uint8Array(fs.readFileSync(file))),
        entries: new Map(),
        tags: new Map(),
        asset: (name) => fs.promises.readFile(path.join(folder, name), 'utf-8'),
        fetch: (name) => { throw new Error(`${file} asks for another file, ${name}`); },
        require: host.require,
        error: (error) => { throw error; }
    };
    const model = await new view.ModelFactoryService(host).open(context);
    const [graph] = model.modules;
    const values = (list) => list.flatMap((argument) => argument.value.map((value) => [value.name, `${value.type}`]));
    return {
        format: model.format,
        producer: model.producer,
        metadata: Object.fromEntries(model.metadata.map((entry) => [entry.name, entry.value])),
        inputs: values(graph.inputs),
        outputs: values(graph.outputs),
        nodes: graph.nodes.map((node) => [node.name, node.type.name])
    };
};

const opened = {};
for (const file of files) {
    opened[path.basename(file)] = await open(file);
}
console.log(JSON.stringify(opened));
