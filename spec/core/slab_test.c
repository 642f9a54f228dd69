/* core/script/slab: the small blocks of a lua_State. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <string.h>

#include "script/slab.h"

enum { BLOCKS = 20000 };

typedef struct held {
    unsigned char *bytes;
    size_t size;
    unsigned char mark;
} held;

static void take(neapi_slabs *slabs, held *block)
{
    block->size = 1 + (size_t)rand() % NEAPI_SLAB_LARGEST;
    block->mark = (unsigned char)rand();
    block->bytes = neapi_slabs_take(slabs, block->size);
    assert_non_null(block->bytes);
    assert_int_equal((uintptr_t)block->bytes % NEAPI_SLAB_STEP, 0);
    memset(block->bytes, block->mark, block->size);
}

static void give(neapi_slabs *slabs, held *block)
{
    for (size_t i = 0; i < block->size; i++)
        assert_int_equal(block->bytes[i], block->mark);
    neapi_slabs_give(slabs, block->bytes);
    block->bytes = NULL;
}

static void blocks_keep_what_is_in_them(void **unused)
{
    (void)unused;
    static held blocks[BLOCKS];
    neapi_slabs slabs = {0};
    srand(11);
    for (int step = 0; step < 20 * BLOCKS; step++) {
        held *block = &blocks[rand() % BLOCKS];
        if (block->bytes == NULL)
            take(&slabs, block);
        else
            give(&slabs, block);
    }
    for (int i = 0; i < BLOCKS; i++)
        if (blocks[i].bytes != NULL)
            give(&slabs, &blocks[i]);
    for (unsigned place = 0; place < NEAPI_SLAB_SIZES; place++)
        assert_null(slabs.open[place]);
    neapi_slabs_fini(&slabs);
}

static void a_block_that_was_given_back_comes_next(void **unused)
{
    (void)unused;
    neapi_slabs slabs = {0};
    void *kept = neapi_slabs_take(&slabs, 50);
    void *first = neapi_slabs_take(&slabs, 50);
    neapi_slabs_give(&slabs, first);
    assert_ptr_equal(neapi_slabs_take(&slabs, 64), first);
    neapi_slabs_give(&slabs, first);
    neapi_slabs_give(&slabs, kept);
    neapi_slabs_fini(&slabs);
}

static void an_empty_slab_serves_another_size(void **unused)
{
    (void)unused;
    neapi_slabs slabs = {0};
    void *small = neapi_slabs_take(&slabs, 16);
    neapi_slab *slab = neapi_slab_of(small);
    neapi_slabs_give(&slabs, small);
    assert_int_equal(slabs.spare_count, 1);
    void *large = neapi_slabs_take(&slabs, NEAPI_SLAB_LARGEST);
    assert_ptr_equal(neapi_slab_of(large), slab);
    neapi_slabs_give(&slabs, large);
    neapi_slabs_fini(&slabs);
    assert_int_equal(slabs.spare_count, 0);
}

/* So that a burst does not hold its memory for ever. */
static void only_so_many_empty_slabs_are_kept(void **unused)
{
    (void)unused;
    static void *blocks[BLOCKS];
    neapi_slabs slabs = {0};
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = neapi_slabs_take(&slabs, NEAPI_SLAB_LARGEST);
    for (int i = 0; i < BLOCKS; i++)
        neapi_slabs_give(&slabs, blocks[i]);
    assert_true(slabs.spare_count > 0);
    assert_true(slabs.spare_count * NEAPI_SLAB_BYTES <= 1u << 20);
    neapi_slabs_fini(&slabs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_keep_what_is_in_them),
        cmocka_unit_test(a_block_that_was_given_back_comes_next),
        cmocka_unit_test(an_empty_slab_serves_another_size),
        cmocka_unit_test(only_so_many_empty_slabs_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
