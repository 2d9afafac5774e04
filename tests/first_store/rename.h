/* The first store keeps its functions out of the way of the real one's: the
 * same names, with `first_` before them. Included before everything else. */
#ifndef CACHESERVER_TESTS_FIRST_STORE_RENAME_H
#define CACHESERVER_TESTS_FIRST_STORE_RENAME_H

#define bank_charge      first_bank_charge
#define bank_create      first_bank_create
#define bank_free        first_bank_free
#define bank_get         first_bank_get
#define bank_incr        first_bank_incr
#define bank_keys        first_bank_keys
#define bank_put         first_bank_put
#define bank_remove      first_bank_remove
#define bank_reset       first_bank_reset
#define bank_touch       first_bank_touch
#define store_bank_keys  first_store_bank_keys
#define store_bank_list  first_store_bank_list
#define store_bank_reset first_store_bank_reset
#define store_create     first_store_create
#define store_free       first_store_free
#define store_get        first_store_get
#define store_incr       first_store_incr
#define store_put        first_store_put
#define store_remove     first_store_remove
#define store_touch      first_store_touch
#define store_usage      first_store_usage
#define store_work       first_store_work
#define wreck_create     first_wreck_create
#define wreck_list_add   first_wreck_list_add
#define wreck_list_fini  first_wreck_list_fini
#define wreck_list_init  first_wreck_list_init
#define wreck_list_work  first_wreck_list_work

#endif
