/* The page at /: what this is, and the accounts in it. */
#include "sandbox/account.h"
#include "sandbox/page.h"
#include "sandbox/routes.h"

#define HOME_ACCOUNTS 100

static void write_accounts(struct call *call, const struct db_rows *rows)
{
    page_html(call,
            "<div class=\"scroll\"><table><caption class=\"dim\">Connected accounts, newest first"
            "</caption><thead><tr><th scope=\"col\">Toolkit</th><th scope=\"col\">User</th>"
            "<th scope=\"col\">Account</th><th scope=\"col\">Status</th><th scope=\"col\">Id</th>"
            "</tr></thead><tbody>");
    for (size_t i = 0; i < db_row_count(rows); i++) {
        struct account account = account_read(call, rows, i);
        page_html(call,
                "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td><code>%s</code></td></tr>",
                account.auth_config.toolkit, account.user_id, account.email, account.status,
                account.id);
    }
    page_html(call, "</tbody></table></div>");
}

bool home_page(struct call *call, struct error *err)
{
    const struct db_rows *rows;
    if (!db_read(call->sandbox->db, call->memory,
                "SELECT " ACCOUNT_COLUMNS ACCOUNT_TABLES
                "WHERE a.deleted = 0 ORDER BY a.seq DESC LIMIT $1",
                DB_PARAMS(DB_INT(HOME_ACCOUNTS)), &rows, err)) {
        return false;
    }
    page_begin(call, "Composio sandbox");
    page_html(call,
            "<main class=\"wide\"><h1>Composio sandbox</h1>"
            "<p>An emulator of the Composio API that runs on this machine alone. Use it as "
            "<code>COMPOSIO_BASE_URL=%s</code> with any key that begins with <code>ak_</code>, "
            "unless one was set.</p>",
            call->sandbox->public_url);
    if (db_row_count(rows) == 0) {
        page_html(call, "<p>No connected accounts yet.</p>");
    } else {
        write_accounts(call, rows);
    }
    page_end(call);
    return true;
}
