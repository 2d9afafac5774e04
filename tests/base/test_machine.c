#include "base/machine.h"

#include "support/folder.h"
#include "support/test.h"

static const struct machine large = {.processors = 64,
                                     .memory = UINT64_C(1) << 40};

static struct machine look_below(const struct folder *root)
{
    struct machine machine = large;
    machine_apply_cgroups(&machine, root->path);
    return machine;
}

static void a_machine_has_processors_and_memory(void)
{
    struct machine machine;
    machine_look(&machine);
    EXPECT(machine.processors >= 1);
    EXPECT(machine.memory > 1024 * 1024);
}

static void without_control_groups_all_is_allowed(void)
{
    struct folder root;
    folder_init(&root);
    struct machine machine = look_below(&root);
    EXPECT_INT(machine.processors, 64);
    EXPECT(machine.memory == large.memory);
    folder_fini(&root);
}

static void the_own_group_limits(void)
{
    struct folder root;
    folder_init(&root);
    folder_write_text(&root, "proc/self/cgroup", "0::/a/b\n");
    folder_write_text(&root, "sys/fs/cgroup/a/b/cpu.max", "200000 100000\n");
    folder_write_text(&root, "sys/fs/cgroup/a/b/memory.max", "1048576\n");
    struct machine machine = look_below(&root);
    EXPECT_INT(machine.processors, 2);
    EXPECT_INT(machine.memory, 1048576);
    folder_fini(&root);
}

static void a_part_of_a_processor_counts_as_one(void)
{
    struct folder root;
    folder_init(&root);
    folder_write_text(&root, "proc/self/cgroup", "0::/\n");
    folder_write_text(&root, "sys/fs/cgroup/cpu.max", "10000 100000\n");
    EXPECT_INT(look_below(&root).processors, 1);
    folder_write_text(&root, "sys/fs/cgroup/cpu.max", "250000 100000\n");
    EXPECT_INT(look_below(&root).processors, 3);
    folder_fini(&root);
}

static void groups_above_limit_too(void)
{
    struct folder root;
    folder_init(&root);
    folder_write_text(&root, "proc/self/cgroup", "0::/a/b\n");
    folder_write_text(&root, "sys/fs/cgroup/a/b/memory.max", "4096000\n");
    folder_write_text(&root, "sys/fs/cgroup/a/memory.max", "2048000\n");
    folder_write_text(&root, "sys/fs/cgroup/cpu.max", "500000 100000\n");
    struct machine machine = look_below(&root);
    EXPECT_INT(machine.memory, 2048000);
    EXPECT_INT(machine.processors, 5);
    folder_fini(&root);
}

static void max_is_no_limit(void)
{
    struct folder root;
    folder_init(&root);
    folder_write_text(&root, "proc/self/cgroup", "0::/\n");
    folder_write_text(&root, "sys/fs/cgroup/cpu.max", "max 100000\n");
    folder_write_text(&root, "sys/fs/cgroup/memory.max", "max\n");
    struct machine machine = look_below(&root);
    EXPECT_INT(machine.processors, 64);
    EXPECT(machine.memory == large.memory);
    folder_fini(&root);
}

static void groups_of_the_first_version_limit(void)
{
    struct folder root;
    folder_init(&root);
    folder_write_text(&root, "proc/self/cgroup",
                      "4:memory:/c\n3:cpuset:/c\n2:cpu,cpuacct:/c\n");
    folder_write_text(&root, "sys/fs/cgroup/memory/c/memory.limit_in_bytes",
                      "3145728\n");
    folder_write_text(&root, "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us",
                      "150000\n");
    folder_write_text(&root, "sys/fs/cgroup/cpu/c/cpu.cfs_period_us",
                      "100000\n");
    struct machine machine = look_below(&root);
    EXPECT_INT(machine.processors, 2);
    EXPECT_INT(machine.memory, 3145728);
    folder_fini(&root);
}

static void a_quota_of_minus_one_is_no_limit(void)
{
    struct folder root;
    folder_init(&root);
    folder_write_text(&root, "proc/self/cgroup", "2:cpuacct,cpu:/\n");
    folder_write_text(&root, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    folder_write_text(&root, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    EXPECT_INT(look_below(&root).processors, 64);
    folder_fini(&root);
}

static void files_of_nonsense_limit_nothing(void)
{
    struct folder root;
    folder_init(&root);
    folder_write_text(&root, "proc/self/cgroup", "\n::\n0:\nx\n0::/\n");
    folder_write_text(&root, "sys/fs/cgroup/cpu.max", "100000 0\n");
    folder_write_text(&root, "sys/fs/cgroup/memory.max", "");
    struct machine machine = look_below(&root);
    EXPECT_INT(machine.processors, 64);
    EXPECT(machine.memory == large.memory);
    folder_fini(&root);
}

static void files_may_be_opened_up_to_the_hard_limit(void)
{
    uint64_t limit = machine_raise_fd_limit();
    EXPECT(limit >= 64);
    EXPECT(machine_raise_fd_limit() == limit);
}

static const struct test_case cases[] = {
    TEST(a_machine_has_processors_and_memory),
    TEST(without_control_groups_all_is_allowed),
    TEST(the_own_group_limits),
    TEST(a_part_of_a_processor_counts_as_one),
    TEST(groups_above_limit_too),
    TEST(max_is_no_limit),
    TEST(groups_of_the_first_version_limit),
    TEST(a_quota_of_minus_one_is_no_limit),
    TEST(files_of_nonsense_limit_nothing),
    TEST(files_may_be_opened_up_to_the_hard_limit),
};

SUITE(base_machine, cases);
