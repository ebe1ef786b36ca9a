#include "config/dotenv.h"

#include "base/buffer.h"
#include "testing/test.h"

/* `read`: the assignments as name<value>line, one behind the other; or the refusal. */
static const struct {
    const char *name, *text, *read;
} rows[] = {
        {"nothing", "", ""},
        {"blank lines and comments", "\n \t\n# A=1\n   # B=2\r\n\n", ""},
        {"plain", "A=1", "A<1>1"},
        {"several", "A=1\nB=2\n\nC=3\n", "A<1>1B<2>2C<3>4"},
        {"carriage returns", "A=1\r\nB=2\r\n", "A<1>1B<2>2"},
        {"byte order mark",
                "\xEF\xBB\xBF"
                "A=1",
                "A<1>1"},
        {"export", "export A=1\n  export\tB=2", "A<1>1B<2>2"},
        {"a variable named export", "export=1", "export<1>1"},
        {"blanks around", "  A \t=  one two  \n", "A<one two>1"},
        {"empty value", "A=\nB=\"\"\nC=''\nD=  # none", "A<>1B<>2C<>3D<>4"},
        {"empty value at the end", "A=", "A<>1"},
        {"comment behind", "A=1 # one\nB=\"2\" # two\nC='3'# three", "A<1>1B<2>2C<3>3"},
        {"number sign in a value", "A=a#b\nB=\"a # b\"\nC='#'", "A<a#b>1B<a # b>2C<#>3"},
        {"equals signs in a value", "A=a=b==", "A<a=b==>1"},
        {"quotes inside a bare value", "A=it's \"so\"", "A<it's \"so\">1"},
        {"escapes in double quotes", "A=\"a\\nb\\tc\\rd\\\"e\\\\f\\$g\"", "A<a\nb\tc\rd\"e\\f$g>1"},
        {"unknown escape stays", "A=\"\\d+\"", "A<\\d+>1"},
        {"backslash before the closing quote", "A=\"a\\\\\"", "A<a\\>1"},
        {"single quotes are literal", "A='a\\nb\"$c'", "A<a\\nb\"$c>1"},
        {"blanks in quotes stay", "A=\" a \"", "A< a >1"},
        {"lines in double quotes", "A=\"one\ntwo\n\"\nB=2", "A<one\ntwo\n>1B<2>4"},
        {"lines in single quotes", "A='one\ntwo'\nB=2", "A<one\ntwo>1B<2>3"},
        {"names of others", "npm.config-x=1", "npm.config-x<1>1"},
        {"nothing is expanded", "A=$B ${C} `d`", "A<$B ${C} `d`>1"},
        {"no equals sign", "A=1\nhush", "A<1>1line 2 of .env is not NAME=value"},
        {"no name", "=1", "line 1 of .env is not NAME=value"},
        {"two words", "A B=1", "line 1 of .env is not NAME=value"},
        {"export of nothing", "export", "line 1 of .env is not NAME=value"},
        {"letter that is none of a name", "\xC3\xA9=1", "line 1 of .env is not NAME=value"},
        {"quote not closed", "A=1\nB=\"hush\nC=3\n",
                "A<1>1line 2 of .env opens a quote that is never closed"},
        {"single quote not closed", "B='hush", "line 1 of .env opens a quote that is never closed"},
        {"closing quote escaped", "B=\"hush\\\"",
                "line 1 of .env opens a quote that is never closed"},
        {"text behind the quote", "A=\"1\n2\" hush",
                "line 2 of .env has text behind the closing quote"},
};

START_TEST(dotenv_row)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct buffer read;
    buffer_init(&read, owner, 10000);
    struct dotenv reader;
    dotenv_init(&reader, slice_of(rows[_i].text));
    for (;;) {
        struct dotenv_entry entry;
        struct error err = {0};
        if (!dotenv_next(&reader, owner, &entry, &err)) {
            ck_assert_int_eq(err.code, ERROR_BAD_REQUEST);
            buffer_add_text(&read, err.message);
            break;
        }
        if (entry.name.data == NULL) {
            break;
        }
        buffer_printf(&read, "%.*s<%s>%d", SLICE_ARG(entry.name), entry.value, entry.line);
    }
    ck_assert_str_eq(buffer_text(&read), rows[_i].read);
    mem_free(owner);
}
END_TEST

START_TEST(nul_is_refused)
{
    void *owner = mem_scope_new(NULL, __func__);
    struct dotenv reader;
    struct dotenv_entry entry;
    struct error err = {0};
    dotenv_init(&reader, SLICE("A=1\0 2"));
    ck_assert(!dotenv_next(&reader, owner, &entry, &err));
    ck_assert_str_eq(err.message, ".env is not a text file");
    mem_free(owner);
}
END_TEST

static void cases(Suite *suite)
{
    TEST_ADD_ROWS(suite, dotenv_row, rows);
    TEST_ADD(suite, nul_is_refused);
}

TEST_MAIN("dotenv", cases)
