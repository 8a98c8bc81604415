-- What steps that run tests check of `retry_failed_tests`.

local retests = {}

-- `knows` says that the step makes the command itself.
function retests.check(o, knows)
  if o.retry_failed_tests == nil then return true end
  if o.test_results == nil and o.junit == nil then
    return false, "`retry_failed_tests` needs `test_results`, which says which tests have failed"
  end
  return knows or o.retry_command ~= nil, "`retry_failed_tests` needs `retry_command`, which makes a command of their names"
end

return retests
