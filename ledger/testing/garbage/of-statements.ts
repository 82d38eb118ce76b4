import { must } from '../../core/assert.ts';
import { connect } from '../../store/postgres/connect.ts';
import { bytesOutliving } from './bytes-outliving.ts';

/** Prints the bytes that outlive a statement. Arguments: a database URL, and the bytes of its row. */

const [url, rowBytes] = process.argv.slice(2);
const sql = connect(must(url, 'a database is given'), 1);
const statement = () => sql`select repeat(${'0'}, ${Number(rowBytes)}::integer)`;
process.stdout.write(`${await bytesOutliving(statement, 500)}\n`);
await sql.end();
